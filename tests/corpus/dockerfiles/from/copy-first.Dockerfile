COPY main.txt /
FROM BASE
