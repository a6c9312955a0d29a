FROM BASE
COPY main.txt /main
COPY main.txt /main/x
