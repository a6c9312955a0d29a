FROM BASE
ADD http://FAULTS/200/file.txt /
