//! No login follows a redirect to another origin, and no server sends us to an address of the machine's own.
