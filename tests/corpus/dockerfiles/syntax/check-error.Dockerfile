# check=error=true
FROM BASE
CMD ["a"]
CMD ["b"]
