//! A build step sees no other step's processes, in every set-up that is for several tenants.
