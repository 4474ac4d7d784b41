import ArgumentParser
@main struct DavitSandbox: ParsableCommand { }
