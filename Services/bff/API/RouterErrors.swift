import Hummingbird

/// Turns the router's own errors into problems before it answers them in its way.
struct RouterErrors: RouterMiddleware {
    func handle(_ request: Request, context: APIContext, next: @concurrent (Request, APIContext) async throws -> Response)
        async throws
        -> Response
    {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError {
            throw Problem(error)
        }
    }
}
