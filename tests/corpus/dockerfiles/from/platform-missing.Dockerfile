FROM --platform=linux/s390x BASE
COPY main.txt /
