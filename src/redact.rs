//! Secret values blotted out of text.
