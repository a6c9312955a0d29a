//! Image references, registry logins and tokens.
