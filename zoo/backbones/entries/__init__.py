"""Descriptions of networks: of libraries, repositories and folders, as entries of the registry."""
