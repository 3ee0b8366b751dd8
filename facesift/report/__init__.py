"""What people look at: the report page with its sections and charts, and figures of images and features."""
