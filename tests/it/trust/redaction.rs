//! Outputs for machines are whole, or the step fails; secrets are blotted in every spelling.
