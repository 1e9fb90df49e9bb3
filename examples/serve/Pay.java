// Sixty payments by java.net.http, each tried again with one key.  javac Pay.java; resim serve payments.yaml -- java Pay
// Its argument is the time between two payments in seconds, 0.1 if there is none.
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Pay {
    static final URI PAYMENTS = URI.create(System.getenv("RESIM_URL") + "/payments");
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    static boolean pay(int order) throws InterruptedException {
        var request = HttpRequest.newBuilder(PAYMENTS)
            .header("Idempotency-Key", UUID.randomUUID().toString()) // one for all tries
            .timeout(Duration.ofMillis(500))
            .POST(HttpRequest.BodyPublishers.ofString("{\"order\": " + order + "}"))
            .build();
        for (int tries = 1; tries <= 8; tries++) {
            long wait = Math.min(1000, 100L << (tries - 1));
            try {
                var answer = CLIENT.send(request, BodyHandlers.ofString());
                if (answer.statusCode() == 200) return true;
                wait = Math.max(wait, 1000 * answer.headers().firstValueAsLong("Retry-After").orElse(0));
            } catch (IOException error) {
                if (tries == 8) System.err.println("order " + order + ": " + error);
            }
            if (tries < 8) Thread.sleep(wait);
        }
        return false;
    }

    public static void main(String[] args) throws Exception {
        long pause = (long) (1000 * (args.length > 0 ? Double.parseDouble(args[0]) : 0.1));
        var pool = Executors.newFixedThreadPool(60);
        List<Future<Boolean>> payments = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            int order = i;
            payments.add(pool.submit(() -> pay(order)));
            Thread.sleep(pause);
        }
        int paid = 0;
        for (var payment : payments) if (payment.get()) paid++;
        pool.shutdown();
        System.out.println("java paid " + paid + " of 60");
        System.exit(paid >= 55 ? 0 : 1);
    }
}
