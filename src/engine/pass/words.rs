//! The few words on a pass, in the languages it speaks; English for every other.

/// One column of the table below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(usize);

const LANGUAGES: [&str; 4] = ["en", "de", "fr", "es"];

/// The key, then the word in each of the languages.
const TABLE: [(&str, [&str; 4]); 31] = [
    ("gate", ["Gate", "Flugsteig", "Porte", "Puerta"]),
    ("seat", ["Seat", "Sitz", "Siège", "Asiento"]),
    ("from", ["From", "Von", "De", "De"]),
    ("to", ["To", "Nach", "À", "A"]),
    ("passenger", ["Passenger", "Fluggast", "Passager", "Pasajero"]),
    ("flight", ["Flight", "Flug", "Vol", "Vuelo"]),
    ("boarding", ["Boarding", "Einstieg", "Embarquement", "Embarque"]),
    ("departs", ["Departure", "Abflug", "Départ", "Salida"]),
    ("arrives", ["Arrival", "Ankunft", "Arrivée", "Llegada"]),
    ("date", ["Date", "Datum", "Date", "Fecha"]),
    ("terminal", ["Terminal", "Terminal", "Terminal", "Terminal"]),
    ("sequence", ["Sequence", "Nummer", "Séquence", "Secuencia"]),
    ("booking", ["Booking", "Buchung", "Réservation", "Reserva"]),
    (
        "next_flight",
        ["Next flight", "Weiterflug", "Vol suivant", "Siguiente vuelo"],
    ),
    ("status", ["Status", "Status", "Statut", "Estado"]),
    ("room", ["Room", "Zimmer", "Chambre", "Habitación"]),
    ("arrival", ["Arrival", "Anreise", "Arrivée", "Llegada"]),
    ("departure", ["Departure", "Abreise", "Départ", "Salida"]),
    ("reference", ["Reference", "Kennung", "Référence", "Referencia"]),
    (
        "boarding_pass",
        [
            "Boarding pass",
            "Bordkarte",
            "Carte d’embarquement",
            "Tarjeta de embarque",
        ],
    ),
    ("pass", ["Pass", "Pass", "Pass", "Pase"]),
    (
        "add_to_apple",
        [
            "Add to Apple Wallet",
            "Zu Apple Wallet hinzufügen",
            "Ajouter à Cartes d’Apple",
            "Añadir a Cartera de Apple",
        ],
    ),
    (
        "add_to_google",
        [
            "Add to Google Wallet",
            "In Google Wallet speichern",
            "Ajouter à Google Wallet",
            "Añadir a Google Wallet",
        ],
    ),
    (
        "fresh",
        [
            "Load this page again before you go. As of",
            "Diese Seite vor dem Weg bitte neu laden. Stand:",
            "Rechargez cette page avant de partir. Mise à jour à",
            "Vuelva a cargar esta página antes de salir. Actualizado a las",
        ],
    ),
    (
        "gone_title",
        [
            "This pass is gone",
            "Diesen Pass gibt es nicht mehr",
            "Ce pass n’existe plus",
            "Este pase ya no existe",
        ],
    ),
    (
        "cancelled_title",
        [
            "This was cancelled",
            "Das wurde abgesagt",
            "C’est annulé",
            "Esto fue cancelado",
        ],
    ),
    (
        "over_title",
        [
            "This pass is over",
            "Dieser Pass ist abgelaufen",
            "Ce pass est terminé",
            "Este pase ha terminado",
        ],
    ),
    (
        "expired_title",
        [
            "This link has expired",
            "Dieser Link ist abgelaufen",
            "Ce lien a expiré",
            "Este enlace ha caducado",
        ],
    ),
    (
        "unknown_title",
        [
            "This link does not work",
            "Dieser Link funktioniert nicht",
            "Ce lien ne fonctionne pas",
            "Este enlace no funciona",
        ],
    ),
    (
        "ask_again",
        [
            "Open the newest message or the app again: it has a fresh link.",
            "Öffnen Sie die neueste Nachricht oder die App: dort steht ein neuer Link.",
            "Ouvrez le dernier message ou l’application : un nouveau lien s’y trouve.",
            "Abra el último mensaje o la aplicación: allí hay un enlace nuevo.",
        ],
    ),
    (
        "ask_them",
        [
            "Ask those who sent it to you what to do.",
            "Fragen Sie bitte bei denen nach, die ihn geschickt haben.",
            "Demandez à ceux qui vous l’ont envoyé ce qu’il faut faire.",
            "Pregunte a quien se lo envió qué hacer.",
        ],
    ),
];

impl Words {
    /// For a reader of this language; English where none is known.
    pub fn of(locale: Option<&str>) -> Self {
        let language = locale.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
        let known = LANGUAGES.iter().position(|known| known.eq_ignore_ascii_case(language));
        Self(known.unwrap_or(0))
    }

    /// For who reads pages with these preferences (`Accept-Language`); the first language known counts.
    pub fn accepted(header: &str) -> Self {
        let tags = header.split(',').filter_map(|part| part.split(';').next());
        let known = tags.map(str::trim).find(|tag| {
            let language = tag.split('-').next().unwrap_or_default();
            LANGUAGES.iter().any(|known| known.eq_ignore_ascii_case(language))
        });
        Self::of(known)
    }

    /// The tag of the language: `de`.
    pub fn language(self) -> &'static str {
        LANGUAGES[self.0]
    }

    /// The word; the key itself where there is none.
    pub fn label(self, key: &'static str) -> &'static str {
        let row = TABLE.iter().find(|(known, _)| *known == key);
        row.map_or(key, |(_, words)| words[self.0])
    }
}
