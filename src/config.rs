//! Every setting: its environment name, default and unit.
