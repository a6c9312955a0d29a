//! What the user wrote, parsed once into valid types.
