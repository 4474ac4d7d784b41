/// The version of all four programs; an engine and a front end of different versions say so.
public let davitVersion = "0.1.0"
