FROM BASE
COPY mian.txt /
