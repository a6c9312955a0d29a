# escape=`
# escape=\
FROM BASE
