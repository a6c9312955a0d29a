# check=error=true
FROM BASE as x
ENV A=1
