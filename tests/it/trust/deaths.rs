//! A job that killed the process is not begun for ever.
