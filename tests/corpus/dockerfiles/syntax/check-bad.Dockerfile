# check=errors=true
FROM BASE
