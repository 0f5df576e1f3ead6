"""The implementation of `Project.save`, `Project.transaction` and changes of labels."""
