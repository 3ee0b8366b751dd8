"""The reviewer's page: the queue in a browser, and answers that are never lost."""
