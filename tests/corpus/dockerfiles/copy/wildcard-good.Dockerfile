FROM scratch
COPY ma*.txt /
