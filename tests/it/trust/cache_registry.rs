//! A build step cannot write another's cache.
