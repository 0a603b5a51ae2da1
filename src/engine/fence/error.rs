//! Why a geometry was refused: a closed list of codes, the place, and what to do instead.

/// The closed list of reasons for which a geometry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeometryCode {
    /// The text is not JSON.
    InvalidJson,
    /// The text nests deeper than any geometry needs.
    TooDeep,
    /// The text has more bytes than the limit.
    TooLarge,
    /// The collection has more features than the limit.
    TooManyFeatures,
    /// The geometry has more positions than the limit.
    TooManyVertices,
    /// So many edges lie across one another's boxes that checking them all would take too long.
    TooComplex,
    /// A member that must be there is missing.
    MissingMember,
    /// A member is there, but is not what it must be.
    InvalidMember,
    /// The `type` is unknown or names a geometry that cannot be a fence.
    UnsupportedType,
    /// The geometry is null.
    NullGeometry,
    /// The geometry has no polygons.
    EmptyGeometry,
    /// The coordinates are not nested as the type demands.
    InvalidCoordinates,
    /// A position is not an array of at least two numbers.
    InvalidPosition,
    /// A latitude is beyond 90 degrees.
    LatitudeOutOfRange,
    /// A longitude is beyond what can be unrolled.
    LongitudeOutOfRange,
    /// A coordinate reference system other than WGS84 is named.
    UnsupportedCrs,
    /// A point was given without a radius.
    PointNeedsRadius,
    /// A radius is not a number within the limits.
    RadiusOutOfRange,
    /// A ring has fewer than four positions, or fewer than three different ones.
    TooFewPositions,
    /// A ring does not end where it starts.
    UnclosedRing,
    /// A ring encloses nothing.
    ZeroArea,
    /// A ring crosses or touches itself.
    SelfCrossing,
    /// A ring goes round the globe more than once.
    TooWide,
    /// A hole lies outside its shell.
    HoleOutside,
    /// A hole crosses its shell or another hole.
    HoleCrossing,
    /// A hole lies inside another hole.
    HoleNested,
    /// Holes and shell touch so that the inside falls into pieces.
    InteriorSplit,
}

impl GeometryCode {
    /// The stable `snake_case` name, as it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::TooManyFeatures => "too_many_features",
            Self::TooManyVertices => "too_many_vertices",
            Self::TooComplex => "too_complex",
            Self::MissingMember => "missing_member",
            Self::InvalidMember => "invalid_member",
            Self::UnsupportedType => "unsupported_type",
            Self::NullGeometry => "null_geometry",
            Self::EmptyGeometry => "empty_geometry",
            Self::InvalidCoordinates => "invalid_coordinates",
            Self::InvalidPosition => "invalid_position",
            Self::LatitudeOutOfRange => "latitude_out_of_range",
            Self::LongitudeOutOfRange => "longitude_out_of_range",
            Self::UnsupportedCrs => "unsupported_crs",
            Self::PointNeedsRadius => "point_needs_radius",
            Self::RadiusOutOfRange => "radius_out_of_range",
            Self::TooFewPositions => "too_few_positions",
            Self::UnclosedRing => "unclosed_ring",
            Self::ZeroArea => "zero_area",
            Self::SelfCrossing => "self_crossing",
            Self::TooWide => "too_wide",
            Self::HoleOutside => "hole_outside",
            Self::HoleCrossing => "hole_crossing",
            Self::HoleNested => "hole_nested",
            Self::InteriorSplit => "interior_split",
        }
    }
}

/// A refused geometry: what is wrong, where, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at {pointer:?}: {detail}; {hint}", .code.as_str())]
pub struct GeometryError {
    /// The reason, from the closed list.
    pub code: GeometryCode,
    /// JSON pointer into the geometry (or into the text given to [`super::parse_features`]); empty for the whole of it.
    pub pointer: String,
    /// What was found, with its values.
    pub detail: String,
    /// What to do instead.
    pub hint: String,
}

impl GeometryError {
    pub(super) fn new(
        code: GeometryCode,
        pointer: impl Into<String>,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            pointer: pointer.into(),
            detail: detail.into(),
            hint: hint.into(),
        }
    }

    /// The same error seen from further out: its pointer starts with where the geometry stands.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}
