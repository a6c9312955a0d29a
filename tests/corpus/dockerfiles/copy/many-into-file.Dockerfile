FROM BASE
COPY main.txt src/app.c /dest
