FROM --platform=$NOTHING BASE
COPY main.txt /
