FROM BASE AS scratch
