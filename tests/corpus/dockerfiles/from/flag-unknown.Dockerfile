FROM --os=linux BASE
