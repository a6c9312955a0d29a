FROM BASE
cpoy main.txt /
