FROM BASE
ADD --unpack=maybe main.txt /
