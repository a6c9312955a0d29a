//! A Secret goes to the hosts and the use that it is bound to.
