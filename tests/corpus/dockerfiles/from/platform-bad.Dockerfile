FROM --platform=linux/amd65x/v1/2 BASE
