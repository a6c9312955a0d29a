FROM BASE
ADD main.txt
