FROM BASE
ADD http://nobody.invalid/x /
