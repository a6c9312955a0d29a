//! Foreign text reaches logs, messages and terminals as plain text.
