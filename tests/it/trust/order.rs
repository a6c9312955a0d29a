//! The order of commits does not depend on how a URL is spelt.
