# check=error=perhaps
FROM BASE
