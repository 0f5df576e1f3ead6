"""Tables for other libraries: columns in, their objects out; nothing here knows of projects."""
