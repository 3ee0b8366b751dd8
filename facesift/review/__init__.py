"""The reviewer's page: shows the review queue in a browser and writes the answers to a CSV file."""
