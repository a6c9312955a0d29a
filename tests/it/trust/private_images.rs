//! A private image is read with the caller's own login, whoever pulled it before.
