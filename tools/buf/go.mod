module github.com/noded/noded/tools/buf

go 1.26.0
