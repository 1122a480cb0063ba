@main
struct UsersMain {
    static func main() async throws {}
}
