# escape=`
FROM BASE
ENV A=`
 b
