FROM BASE
COPPY main.txt /
