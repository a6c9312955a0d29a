FROM BASE
CMD ["a"]
CMD ["b"]
