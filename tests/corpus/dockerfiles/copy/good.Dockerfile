FROM scratch
COPY main.txt src/ /
