"""What `Project.save`, `Project.transaction` and changes of labels do."""
